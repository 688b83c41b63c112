/** What Comlink says of its adapter for Node, under the name of the file that Node can load. */

declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { Endpoint } from 'comlink'
  import type { NodeEndpoint } from 'comlink/dist/esm/node-adapter'

  export default function nodeEndpoint(worker: NodeEndpoint): Endpoint
}
