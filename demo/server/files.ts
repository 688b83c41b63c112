/** The files of the built demo, for browsers. Nothing outside of `root` is ever served. */

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Context } from 'rescind'
import { sendText } from './exchange.ts'

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  // The license.
  '': 'text/plain; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/plain; charset=utf-8',
  '.tsx': 'text/plain; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
}

/** Answers `req` with the file of `url`; rejects if the client leaves before it has read the file. */
export async function sendFile(
  ctx: Context,
  root: string,
  url: URL,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const path = fileFor(root, url)
  const size = path === undefined ? undefined : await sizeOf(path)
  if (path === undefined || size === undefined) return sendText(res, 404, 'there is no such file')
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    return sendText(res, 405, 'the method must be GET or HEAD', { allow: 'GET, HEAD' })
  }
  // What Vite puts into assets/ has a hash in its name.
  const isHashed = path.startsWith(join(root, 'assets', sep))
  res.writeHead(200, {
    'content-type': CONTENT_TYPES[extname(path)] ?? 'application/octet-stream',
    'content-length': size,
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    'x-content-type-options': 'nosniff',
  })
  if (req.method === 'HEAD') res.end()
  else await pipeline(createReadStream(path), res, { signal: ctx.signal })
}

/** The file for `path`; undefined for paths outside of `root`. */
function fileFor(root: string, url: URL): string | undefined {
  const pathname = decodeURIComponent(url.pathname)
  const path = normalize(join(root, pathname.endsWith('/') ? `${pathname}index.html` : pathname))
  return path.startsWith(root) ? path : undefined
}

/** Undefined if it is not a file. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? found.size : undefined
}
