/**
 * The same components for each library. One shows the answer to a query; the other saves typed text, and uploads files.
 * Each is written as in the documentation of the library, and passes the signal on where the library provides one.
 */

import { useAsyncAbortable as useHookzAsync } from '@react-hookz/web'
import { QueryClient, QueryClientProvider, useMutation, useQuery } from '@tanstack/react-query'
import { useRequest } from 'ahooks'
import { useEffect, useRef, useState } from 'react'
import type { FunctionComponent, ReactNode } from 'react'
import { useAsyncAbortable } from 'react-async-hook'
import { useAsync } from 'react-use'
import { useAction, useTask } from 'rescind/react'
import useSWR, { SWRConfig } from 'swr'
import useSWRMutation from 'swr/mutation'

/** Answers a query; its signal, if there is one, aborts when the answer is no longer needed. */
export type Work = (query: string, signal?: AbortSignal) => Promise<string>

export interface Contender {
  readonly name: string
  /** The provider around the component; a new one for each measurement. */
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

/** Milliseconds that a save waits for the next key. */
const QUIET = 30

/** The functions of a component that writes, for the benchmark. */
export interface Writes {
  /** Saves at once. */
  readonly save: (name: string) => void
  /** Saves typed text after a pause of {@link QUIET} ms. */
  readonly type: (name: string) => void
  /** Starts an upload and returns how to cancel it alone; undefined where the library has no way. */
  readonly upload: ((name: string) => (() => void) | undefined) | undefined
}

export interface Writer {
  readonly name: string
  readonly surround?: () => (children: ReactNode) => ReactNode
  readonly useWrites: (work: Work) => Writes
}

/** Debounces calls for libraries without a debounce. As usual, the clean-up of the effect drops a waiting call. */
function useDebounced(save: (name: string) => void): (name: string) => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  return (name) => {
    clearTimeout(timer.current)
    timer.current = setTimeout(save, QUIET, name)
  }
}

function ignore(): void {}

export const writers: readonly Writer[] = [
  {
    name: 'rescind useAction',
    useWrites: (work) => {
      const save = useAction(({ signal }, name: string) => work(name, signal))
      const draft = useAction(({ signal }, name: string) => work(name, signal), {
        mode: 'keepLatest',
        debounce: QUIET,
      })
      const upload = useAction(({ signal }, name: string) => work(name, signal), { mode: 'all' })
      const uploads = useRef(upload.runs)
      useEffect(() => {
        uploads.current = upload.runs
      })
      return {
        save: (name) => void save.run(name),
        type: (name) => void draft.run(name),
        upload: (name) => {
          void upload.run(name)
          return () => uploads.current.find(({ args }) => args[0] === name)?.cancel()
        },
      }
    },
  },
  {
    name: 'TanStack Query useMutation',
    surround: () => {
      const client = new QueryClient()
      return (children) => <QueryClientProvider client={client}>{children}</QueryClientProvider>
    },
    useWrites: (work) => {
      // A scope is the library's way to keep the order.
      const { mutate } = useMutation({ mutationFn: (name: string) => work(name), scope: { id: 'save' } })
      return { save: (name) => mutate(name), type: useDebounced(mutate), upload: undefined }
    },
  },
  {
    name: 'SWR useSWRMutation',
    useWrites: (work) => {
      const { trigger } = useSWRMutation('save', (_, { arg }: { arg: string }) => work(arg))
      const save = (name: string) => void trigger(name).catch(ignore)
      return { save, type: useDebounced(save), upload: undefined }
    },
  },
  {
    name: 'ahooks useRequest',
    useWrites: (work) => {
      const save = useRequest((name: string) => work(name), { manual: true })
      const draft = useRequest((name: string) => work(name), { manual: true, debounceWait: QUIET })
      return { save: (name) => save.run(name), type: (name) => draft.run(name), upload: undefined }
    },
  },
  {
    name: 'fetch in the handler, by hand',
    useWrites: (work) => {
      const save = (name: string) => void work(name).catch(ignore)
      const upload = (name: string) => {
        const controller = new AbortController()
        work(name, controller.signal).catch(ignore)
        return () => controller.abort()
      }
      return { save, type: useDebounced(save), upload }
    },
  },
]

/** The component that writes: passes its functions to the benchmark. */
export function writerOf({ useWrites }: Writer, work: Work, offer: (writes: Writes) => void): FunctionComponent {
  return function Editor() {
    const writes = useWrites(work)
    useEffect(() => offer(writes))
    return null
  }
}

/** The measured component: reports to `seen` what it shows, and for which query. */
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
