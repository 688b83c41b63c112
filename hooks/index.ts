/**
 * The public list of `rescind/react`: everything that can be imported from it, and nothing else.
 *
 * @module rescind/react
 */

'use client'

export { Navigated, PageHidden, Unused } from '../src/index.ts'
export { useAction } from './action.ts'
export type { Action, ActionOptions } from './action.ts'
export { Busy, Hidden, Superseded, Unmounted } from './causes.ts'
export { useCancellable, useDeadline, useRoute, useTimeout } from './derive.ts'
export type { Derived } from './derive.ts'
export type { Debounce } from './gate.ts'
export { reactRouterSource, tanStackRouterSource } from './routers.ts'
export type { ReactRouter, TanStackRouter } from './routers.ts'
export type { TaskWork } from './run.ts'
export type { TaskMode, TaskState } from './runner.ts'
export { provide, Scope, useScope, useValue } from './scope.tsx'
export type { ScopeHandle, ScopeProps, ScopeValue } from './scope.tsx'
export { useContextState, usePending, useRemaining } from './state.ts'
export type { ContextState, RemainingOptions } from './state.ts'
export { useTask } from './task.ts'
export type { Task, TaskOptions } from './task.ts'
export type { ActionMode, ActionRun, ActionState } from './writer.ts'
