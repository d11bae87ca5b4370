#!/usr/bin/env node
// Starts the command line on a Node that can run it: this one if it is new enough, else the one that came by `npm ci`.
// An old Node must be able to read this file: what only new ones have is imported where it is used.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
// A clone runs its source, whatever was built before; the package has none.
const entry = [path('src/cli.ts'), path('dist/src/cli.js')].find((each) => existsSync(each))
const ownNode = path('node_modules/.bin/node')

if (entry && Number(process.versions.node.split('.')[0]) >= 24) {
  // The passkey library tries new parts of WebCrypto; that they are experimental is no news for who runs a server.
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (name !== 'ExperimentalWarning') console.error(`${name}: ${message}`)
  })
  // Before anything of ours is loaded: with all of it in the cache, what strips the types is not even started (30 MB).
  const { enableCompileCache } = await import('node:module')
  enableCompileCache()
  await import(pathToFileURL(entry))
} else if (entry && existsSync(ownNode)) {
  const words = ['--disable-warning=ExperimentalWarning', entry, ...process.argv.slice(2)]
  const child = spawn(ownNode, words, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.once('close', (code) => {
    process.exitCode = code ?? 1
  })
} else {
  console.error(
    `Countersign needs Node 24 or newer; this is Node ${process.versions.node}. Get a newer one from https://nodejs.org. In a clone, “npm ci” brings it.`,
  )
  process.exitCode = 1
}
