/**
 * The same component for everybody: shows what the work for a query gives. Each is written as its documentation has it,
 * and hands the signal on where the library gives one.
 */

import { useAsyncAbortable as useHookzAsync } from '@react-hookz/web'
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { useRequest } from 'ahooks'
import { useEffect, useState } from 'react'
import type { FunctionComponent, ReactNode } from 'react'
import { useAsyncAbortable } from 'react-async-hook'
import { useAsync } from 'react-use'
import { useTask } from 'rescind/react'
import useSWR, { SWRConfig } from 'swr'

/** Answers a query; knows from the signal, if it gets one, that nobody waits any more. */
export type Work = (query: string, signal?: AbortSignal) => Promise<string>

export interface Contender {
  readonly name: string
  /** What the component has to stand in; made anew for each measurement. */
  readonly surround?: () => (children: ReactNode) => ReactNode
  readonly useAnswer: (query: string, work: Work) => string | undefined
}

export const contenders: readonly Contender[] = [
  {
    name: 'rescind',
    useAnswer: (query, work) => useTask(({ signal }) => work(query, signal), [query]).data,
  },
  {
    name: 'TanStack Query',
    surround: () => {
      const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
      return (children) => <QueryClientProvider client={client}>{children}</QueryClientProvider>
    },
    useAnswer: (query, work) => useQuery({ queryKey: [query], queryFn: ({ signal }) => work(query, signal) }).data,
  },
  {
    name: 'SWR',
    surround: () => {
      const cache = new Map()
      return (children) => <SWRConfig value={{ provider: () => cache }}>{children}</SWRConfig>
    },
    useAnswer: (query, work) => useSWR([query], () => work(query)).data,
  },
  {
    name: 'ahooks useRequest',
    useAnswer: (query, work) => useRequest(() => work(query), { refreshDeps: [query] }).data,
  },
  {
    name: 'react-hookz useAsyncAbortable',
    useAnswer: (query, work) => {
      const [state, { execute }] = useHookzAsync((signal, query: string) => work(query, signal))
      useEffect(() => void execute(query), [execute, query])
      return state.result
    },
  },
  {
    name: 'react-use useAsync',
    useAnswer: (query, work) => useAsync(() => work(query), [query]).value,
  },
  {
    name: 'react-async-hook useAsyncAbortable',
    useAnswer: (query, work) => useAsyncAbortable((signal, query: string) => work(query, signal), [query]).result,
  },
  {
    name: 'useEffect and fetch, by hand',
    useAnswer: (query, work) => {
      const [answer, setAnswer] = useState<string>()
      useEffect(() => {
        work(query).then(setAnswer)
      }, [query, work])
      return answer
    },
  },
  {
    name: 'useEffect and AbortController, by hand',
    useAnswer: (query, work) => {
      const [answer, setAnswer] = useState<string>()
      useEffect(() => {
        const controller = new AbortController()
        work(query, controller.signal).then(setAnswer, () => {})
        return () => controller.abort()
      }, [query, work])
      return answer
    },
  },
]

/** The component that is measured: tells `seen` what it shows, and for which query. */
export function componentOf(
  { useAnswer }: Contender,
  work: Work,
  seen: (query: string, answer: string | undefined) => void,
): FunctionComponent<{ readonly query: string }> {
  return function Answer({ query }) {
    const answer = useAnswer(query, work)
    useEffect(() => seen(query, answer))
    return answer
  }
}
