import { crc32, deflateSync } from 'node:zlib'

/** Pictures for apps, made here: real ones, and such as are too large or too small. */
export const icons = {
  png: png(64),
  large: png(1_025),
  tiny: png(8),
  /** Lossless, 16 × 16, of one colour (RFC 9649 §3). */
  webp: Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvD8ADEAcQERGIiP4HAA==', 'base64'),
}

function png(side: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header.set([8, 2], 8)
  const row = Buffer.concat([
    Buffer.of(0),
    Buffer.concat(Array.from({ length: side }, () => Buffer.of(32, 96, 64))),
  ])
  const pixels = deflateSync(Buffer.concat(Array.from({ length: side }, () => row)))
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, check])
}
