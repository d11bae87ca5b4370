import { Refusal } from '#base/errors.ts'
import type { ClientIcon } from './store.ts'

/** Bytes of an icon; the bodies of this server end at 64 KiB as well. */
export const LARGEST_ICON = 64 * 1024
const SMALLEST_SIDE = 16
const LONGEST_SIDE = 1_024

/**
 * Looks at what is really in a picture, whatever the sender calls it: PNG or WebP, which can hold no script, of a size
 * that no page has to fear.
 *
 * @throws Refusal `icon_refused` with what is wrong
 */
export function readIcon(bytes: Uint8Array): Pick<ClientIcon, 'mediaType' | 'bytes'> {
  const data = Buffer.from(bytes)
  if (data.length > LARGEST_ICON) refuse('The picture is larger than 64 KiB.')
  const { mediaType, width, height } =
    sizeOfPng(data) ?? sizeOfWebp(data) ?? refuse('The file is neither a PNG nor a WebP picture.')
  const isFit = [width, height].every((side) => side >= SMALLEST_SIDE && side <= LONGEST_SIDE)
  if (!isFit) refuse(`The picture has ${width} × ${height} pixels; each side must have 16 to 1024.`)
  return { mediaType, bytes: data }
}

function refuse(detail: string): never {
  throw new Refusal('icon_refused', { detail })
}

/** PNG, third edition, §5.2 and §11.2.1: the signature, then the header with both sides; IEND at its end. */
function sizeOfPng(data: Buffer) {
  const isPng =
    data.length >= 45 &&
    data.subarray(0, 8).equals(PNG_SIGNATURE) &&
    data.toString('latin1', 12, 16) === 'IHDR' &&
    data.toString('latin1', data.length - 8, data.length - 4) === 'IEND'
  if (!isPng) return undefined
  return { mediaType: 'image/png' as const, width: data.readUInt32BE(16), height: data.readUInt32BE(20) }
}

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

/** WebP, RFC 9649 §2.4 to §2.7: a RIFF file whose first chunk tells the sides, in three ways. */
function sizeOfWebp(data: Buffer) {
  const isWebp =
    data.length >= 30 &&
    data.toString('latin1', 0, 4) === 'RIFF' &&
    data.toString('latin1', 8, 12) === 'WEBP' &&
    data.readUInt32LE(4) + 8 === data.length
  if (!isWebp) return undefined
  const side = (bits: number) => (bits & 0x3fff) + 1
  const sides: Record<string, () => [number, number]> = {
    VP8X: () => [data.readUIntLE(24, 3) + 1, data.readUIntLE(27, 3) + 1],
    VP8L: () => [side(data.readUInt32LE(21)), side(data.readUInt32LE(21) >>> 14)],
    'VP8 ': () => [data.readUInt16LE(26) & 0x3fff, data.readUInt16LE(28) & 0x3fff],
  }
  const read = sides[data.toString('latin1', 12, 16)]
  if (!read) return undefined
  const [width, height] = read()
  return { mediaType: 'image/webp' as const, width, height }
}
