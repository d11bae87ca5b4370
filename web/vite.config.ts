import { defineConfig } from 'vite'
import { documents } from './docs/plugin.ts'

export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  plugins: [documents()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // Everything is a file of our own origin: the content security policy allows no data: and no inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
