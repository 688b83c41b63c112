/** Is this code safe to run? A task in the background ends with the context that it was started under. */

import { withoutCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import type { Lab, Scenario } from '../ui/scenario.ts'
import { call } from '../ui/trace.ts'

interface Shop {
  readonly save: (ctx: Context) => Promise<unknown>
  readonly sendReceipt: (ctx: Context) => void
}

// #region with
async function placeOrder(parent: Context, { save, sendReceipt }: Shop) {
  const [ctx, cancel] = withTimeout(parent, 5_000)
  using _ = cancel
  await save(ctx)
  sendReceipt(withoutCancel(ctx))
}
// #endregion

// #region without
async function placeOrderUnsafely(parent: Context, { save, sendReceipt }: Shop) {
  const [ctx, cancel] = withTimeout(parent, 5_000)
  using _ = cancel
  await save(ctx)
  sendReceipt(ctx)
}
// #endregion

const GO = `func (s *Shop) PlaceOrder(parent context.Context, order Order) error {
    ctx, cancel := context.WithTimeout(parent, 5*time.Second)
    defer cancel()
    if err := s.Save(ctx, order); err != nil {
        return err
    }
    go s.SendReceipt(context.WithoutCancel(ctx), order)
    return nil
}`

export const scenario: Scenario = {
  title: 'Is this code safe to run?',
  order: 30,
  about: (
    <>
      An order is saved, and its receipt is sent in the background. Is <code>sendReceipt(ctx)</code> safe? No: the
      order’s context ends with the order, and the receipt with it. <code>withoutCancel</code> keeps only its values.
    </>
  ),
  go: GO,
  compares: ['ctx passed on', 'withoutCancel'],
  sliders: [
    { name: 'latency', label: 'The order takes', min: 50, max: 2000, step: 50, initial: 400 },
    { name: 'background', label: 'The receipt takes', min: 50, max: 3000, step: 50, initial: 1200 },
  ],
  tallies: [
    {
      name: 'lost',
      label: 'receipts lost',
      count: (calls) => calls.filter(({ name, outcome }) => name === 'receipt' && outcome === 'canceled').length,
    },
  ],
  success: 'order placed, receipt sent',
  marks: () => [],
  span: (ms) => ms('latency') + ms('background'),
  withRescind: (ctx, lab) => inShop(lab, (shop) => placeOrder(ctx, shop)),
  withoutRescind: (lab, ctx) => inShop(lab, (shop) => placeOrderUnsafely(ctx, shop)),
}

/** Also waits for the receipt, whose result is part of the outcome. */
async function inShop({ ms, url }: Lab, place: (shop: Shop) => Promise<void>): Promise<void> {
  let receipt: Promise<unknown> = Promise.resolve()
  await place({
    save: ({ signal }) => call(url('order', { latency: ms('latency') }), { signal }),
    sendReceipt({ signal }) {
      receipt = call(url('receipt', { latency: ms('background') }), { signal })
      // A failure is handled below. Until then it must not count as unhandled.
      receipt.catch(() => {})
    },
  })
  await receipt.catch((cause: unknown) => {
    throw new Error('order placed, receipt lost', { cause })
  })
}
