/** Loaded before the tests with React 18: what CommonJS packages require as `react` and `react-dom` is version 18, too. */

const Module = require('node:module')

// Node has no public hook for `require` before 22.15.
const resolve = Reflect.get(Module, '_resolveFilename')

function resolveFilename(request, ...rest) {
  return resolve.call(this, request.replace(/^(react|react-dom)(?=$|\/)/, '$1-18'), ...rest)
}

Object.assign(Module, { _resolveFilename: resolveFilename })
