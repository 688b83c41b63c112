'use client'

/** The public list of `rescind/react`: everything that can be imported from it, and nothing else. */

export { Navigated, PageHidden } from '../src/index.ts'
export { Hidden, Superseded, Unmounted } from './causes.ts'
export { useCancellable, useDeadline, useRoute, useTimeout } from './derive.ts'
export { reactRouterSource, tanStackRouterSource } from './routers.ts'
export type { TaskMode, TaskState } from './runner.ts'
export { Scope, useScope, useValue } from './scope.tsx'
export type { ScopeHandle, ScopeProps, ScopeValue } from './scope.tsx'
export { useContextState, useRemaining } from './state.ts'
export type { ContextState, RemainingOptions } from './state.ts'
export { useTask } from './task.ts'
export type { Task, TaskOptions } from './task.ts'
