/** The part of Babel that the tests use; it brings no types of its own. */
declare module '@babel/core' {
  export function transformAsync(
    code: string,
    options: object,
  ): Promise<{ readonly code?: string | null; readonly map?: string | null } | null>
}
