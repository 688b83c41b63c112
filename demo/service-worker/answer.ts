/**
 * A response of Node's shape that becomes one of the Fetch API. It begins as soon as its handler waits for something:
 * the only sign of a client that has gone, in a service worker, is that its body is canceled.
 */

import type { DemoResponse } from '../server/exchange.ts'

const encoder = new TextEncoder()

/** In bytes, as Node has it. */
const HIGH_WATER_MARK = 16_384

export class StreamedAnswer implements DemoResponse {
  readonly response: Promise<Response>
  headersSent = false
  writableEnded = false
  closed = false
  readonly #listeners = new Set<() => void>()
  readonly #body: ReadableStream<Uint8Array<ArrayBuffer>>
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>
  #resolve!: (response: Response) => void
  #hasBegun = false

  constructor() {
    const source = {
      start: (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) => {
        this.#controller = controller
      },
      cancel: () => this.#close(),
    }
    this.#body = new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }))
    this.response = new Promise((resolve) => {
      this.#resolve = resolve
    })
    setTimeout(() => this.#begin(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }))
  }

  get writableLength(): number {
    return this.closed ? 0 : HIGH_WATER_MARK - (this.#controller.desiredSize ?? HIGH_WATER_MARK)
  }

  writeHead(status: number, headers: Record<string, string> = {}): this {
    this.headersSent = true
    this.#begin(status, headers)
    return this
  }

  write(text: string): void {
    if (!this.writableEnded && !this.closed) this.#controller.enqueue(encoder.encode(text))
  }

  end(text?: string): void {
    if (text !== undefined) this.write(text)
    if (this.writableEnded) return
    this.writableEnded = true
    if (this.closed) return
    this.#controller.close()
    queueMicrotask(() => this.#close())
  }

  destroy(): void {
    if (this.closed) return
    if (!this.writableEnded) this.#controller.error(new Error('the answer was broken off'))
    this.#close()
  }

  once(_: 'close', listener: () => void): void {
    this.#listeners.add(listener)
  }

  off(_: 'close', listener: () => void): void {
    this.#listeners.delete(listener)
  }

  #begin(status: number, headers: Record<string, string>): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#resolve(new Response(status === 204 ? null : this.#body, { status, headers }))
  }

  #close(): void {
    if (this.closed) return
    this.closed = true
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }
}
