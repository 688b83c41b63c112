/** The table of the scenario StrictMode and Activity: requests sent and aborted after each step. */

import type { Page } from 'playwright'

export const ONCE = { mount: '1 sent, 0', hide: '0 sent, 1', show: '1 sent, 0', unmount: '0 sent, 1' }

export async function measured(page: Page): Promise<Record<string, string>> {
  const rows = await page
    .locator('[data-step]')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent)))
  return Object.fromEntries(rows.map(([step = '', ...counts]) => [step, counts.join(' sent, ')]))
}
