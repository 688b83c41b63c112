/** The types of Comlink's adapter for Node, under a file name that Node can load. */

declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { Endpoint } from 'comlink'
  import type { NodeEndpoint } from 'comlink/dist/esm/node-adapter'

  export default function nodeEndpoint(worker: NodeEndpoint): Endpoint
}
