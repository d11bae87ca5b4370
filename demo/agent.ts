/** What a model does next: it calls a tool, or it is done. */
export type Step = { tool: string; input: Record<string, string | number> } | { say: string }

/** Chooses the next step by what was said so far. A real one asks a model here; nothing else would change. */
export type Model = (heard: readonly string[]) => Step | Promise<Step>

/** Something that the agent can do. What it answers is all that the model hears of it: never a token. */
export type Tool = (input: Record<string, string | number>) => Promise<string>

/** A model without a model: says its lines one after the other, whatever it hears. */
export const scripted = (steps: readonly Step[]): Model => {
  let next = 0
  return () => {
    const step = steps[next] ?? { say: 'That is all.' }
    next += 1
    return step
  }
}

/** No run of the demo is longer; a real model may go round in circles. */
const MOST_STEPS = 20

/**
 * The loop of every agent: the model names a tool, the tool is run, and the model hears what came of it.
 *
 * @returns the last words of the model
 */
export async function runAgent(
  task: string,
  model: Model,
  tools: Record<string, Tool>,
  write: (line: string) => void,
): Promise<string> {
  const heard = [task]
  write(`task      ${task}`)
  for (let count = 0; count < MOST_STEPS; count += 1) {
    const step = await model(heard)
    if ('say' in step) {
      write(`agent     ${step.say}`)
      return step.say
    }
    write(`agent     calls ${step.tool} ${JSON.stringify(step.input)}`)
    const answer = (await tools[step.tool]?.(step.input)) ?? `There is no tool ${step.tool}.`
    write(`${step.tool.padEnd(9)} ${answer}`)
    heard.push(answer)
  }
  return 'It went on for too long.'
}
