import { newId } from '#base/ids.ts'
import type { Message } from '#notices/channel.ts'

/** A message as the queue hands it to a channel. */
export function newMessage(message: Partial<Message> = {}): Message {
  const address = message.address ?? '919812345678'
  return {
    noticeId: newId('ntc'),
    requestId: newId('req'),
    about: 'waiting',
    address,
    contact: {
      id: newId('con'),
      userId: 'asha',
      channel: 'whatsapp',
      address,
      scopedId: null,
      sealed: null,
      label: null,
      language: null,
      heardAt: null,
      state: 'active',
      createdAt: 0,
    },
    clientName: 'Northwind Research',
    language: null,
    expiresAt: Date.now() + 60_000,
    ...message,
  }
}
