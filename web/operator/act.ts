import { useAction } from '../ui/action.ts'
import { ApiProblem, post } from '../ui/api.ts'
import { usePasskeyFor } from '../ui/passkey.ts'

/** Something an operator changes. If the server wants to see a passkey first, it is shown, and the change goes on. */
export const useAct = (work: () => Promise<unknown>) => useAction(() => confirmed(work))

export async function confirmed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.problem.code !== 'confirm_first') throw error
    const { options } = await post<{ options: Record<string, unknown> }>('/v1/session/confirm/options')
    await post('/v1/session/confirm', { credential: await usePasskeyFor(options) })
    return work()
  }
}
