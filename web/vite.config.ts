import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // Everything is a file of our own origin: the content security policy allows no data: and no inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
