import { fail } from './errors.ts'
import { parse } from './http.ts'

type Named = Record<string, string | readonly string[] | undefined>

/** A POST as it came: a Web `Request`, or its headers and its body before anything has parsed it. */
export type Incoming =
  | Request
  | { headers: Headers | Named; body: string | Uint8Array<ArrayBuffer> | ArrayBuffer }

export interface Message {
  header: (name: string) => string
  body: Uint8Array<ArrayBuffer>
  text: string
}

export async function readMessage(incoming: Incoming): Promise<Message> {
  const { headers } = incoming
  const whole = 'arrayBuffer' in incoming ? incoming : new Response(incoming.body)
  const body = new Uint8Array(await whole.arrayBuffer())
  const header = (name: string) =>
    String((typeof headers.get === 'function' ? headers.get(name) : (headers as Named)[name]) ?? '')
  return { header, body, text: new TextDecoder().decode(body) }
}

/** @param status what to answer */
export const badDelivery = (why: string, status = 401): never =>
  fail('bad_delivery', `The delivery is refused: ${why}.`, { status })

/** The JSON object that a message is. @throws CountersignError `bad_delivery` */
export const readJson = ({ text }: Message): Record<string, unknown> =>
  parse(text) ?? badDelivery('no JSON', 400)
