/** Loaded before the tests with React 18: CommonJS packages, too, get version 18 as `react` and `react-dom`. */

const Module = require('node:module')

// Node has no public hook for `require` before 22.15.
const resolve = Reflect.get(Module, '_resolveFilename')

function resolveFilename(request, ...rest) {
  return resolve.call(this, request.replace(/^(react|react-dom)(?=$|\/)/, '$1-18'), ...rest)
}

Object.assign(Module, { _resolveFilename: resolveFilename })
