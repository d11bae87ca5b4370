import { fileURLToPath } from 'node:url'
import { compileFunction, runInNewContext } from 'node:vm'
import { build } from 'vite'
import * as source from '../../sdk/src/index.ts'
import { isWebOnly } from './web-only.ts'

/** The global names of the Minimum Common Web API of WinterTC that a program may count on, and no other. */
const WEB_APIS = [
  ...['AbortController', 'AbortSignal', 'Blob', 'CryptoKey', 'DOMException', 'Event', 'EventTarget'],
  ...['FormData', 'Headers', 'ReadableStream', 'Request', 'Response', 'SubtleCrypto', 'TextDecoder'],
  ...[
    'TextEncoder',
    'URL',
    'URLSearchParams',
    'WebAssembly',
    'atob',
    'btoa',
    'clearInterval',
    'clearTimeout',
  ],
  ...['console', 'crypto', 'fetch', 'performance', 'queueMicrotask', 'setInterval', 'setTimeout'],
  'structuredClone',
]

/** Of these global names, those that the library does not see here. */
export const hiddenOf = (names: readonly string[]): string[] => names.filter((name) => !isShown(name))

/** Names of the language itself, as a context without anything else has them. */
const LANGUAGE = runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[]
const isShown = (name: string) => WEB_APIS.includes(name) || LANGUAGE.includes(name)

/**
 * Made into one script and run with every other global name of Node hidden: `process`, `Buffer`, `setImmediate`, … are
 * undefined in it, and it can import nothing. The language itself is shared, so that tests compare as ever.
 */
async function withWebApisAlone(): Promise<typeof source> {
  const hidden = hiddenOf(Object.getOwnPropertyNames(globalThis))
  const self = new Proxy(globalThis, {
    get: (target, name) => (isShown(String(name)) ? Reflect.get(target, name) : undefined),
    has: (_target, name) => isShown(String(name)),
  })
  const names = [...hidden, 'require', 'module', 'exports', '__filename', '__dirname', 'globalThis', 'self']
  const run = compileFunction(`${await script()}\nreturn client`, names)
  return run(...names.map((name) => (name === 'globalThis' || name === 'self' ? self : undefined)))
}

/** Of the sources, by themselves: what they import of anybody else would fail here. */
async function script(): Promise<string> {
  const folder = fileURLToPath(new URL('../../sdk/', import.meta.url))
  const made = await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2024',
      lib: { entry: 'src/index.ts', formats: ['iife'], name: 'client', fileName: 'client' },
    },
  })
  const [chunk] = (Array.isArray(made) ? made[0] : undefined)?.output ?? []
  if (chunk?.type !== 'chunk' || chunk.imports.length > 0) throw new Error('The library imports of others.')
  return chunk.code
}

/** The library of clients: as it stands here, or as it runs where there is nothing but Web APIs. */
export const { createApp, createInitiator, dpopFetch, verifyWebhook } = isWebOnly()
  ? await withWebApisAlone()
  : source
export type { CountersignError, InitiatorOptions, Tokens } from '../../sdk/src/index.ts'
