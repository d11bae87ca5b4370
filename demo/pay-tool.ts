import { CountersignError, type Initiator } from '../sdk/src/index.ts'
import type { Tool } from './agent.ts'

interface PayToolOptions {
  agent: Initiator
  /** Whose money it is; a handle. */
  user: string
  /** Takes the payment, if the token lets it. */
  bank: (payment: { to: string; amount: number }, accessToken: string) => Promise<string>
  signal?: AbortSignal
}

/**
 * A tool that pays, and asks the person first. The call of the tool simply takes as long as they take; the model hears
 * what came of it in words. What the person reads is made here, from the values that will be paid by, not by the model.
 */
export const payTool =
  ({ agent, user, bank, signal }: PayToolOptions): Tool =>
  async ({ to, amount }) => {
    const payment = { to: String(to), amount: Number(amount) }
    try {
      const asked = await agent.ask(
        {
          loginHint: user,
          scope: 'openid payments',
          bindingMessage: `Pay ${payment.amount} to ${payment.to}`,
        },
        { signal },
      )
      const { accessToken } = await agent.wait(asked, { signal })
      return await bank(payment, accessToken)
    } catch (fault) {
      if (!(fault instanceof CountersignError)) throw fault
      if (fault.code === 'rejected') return 'The user rejected this payment. Do not try it again.'
      if (fault.code === 'expired') return 'The user did not answer in time. Nothing was paid.'
      throw fault
    }
  }
