import { join } from 'node:path'
import { defineConfig } from 'vite'
import { compressed } from './compressed.ts'
import { documents } from './docs/plugin.ts'
import { earlyScript } from './early.ts'
import { splitTexts } from './locales/plugin.ts'

const at = (path: string) => join(import.meta.dirname, path)

export default defineConfig({
  root: import.meta.dirname,
  publicDir: 'public',
  plugins: [splitTexts(), earlyScript(), documents(), compressed()],
  build: {
    rolldownOptions: {
      input: {
        index: at('index.html'),
        sw: at('sw.ts'),
        docs: at('docs/site.ts'),
      },
      output: {
        // A service worker keeps its address for ever, and rules over what lies beside and below it.
        // All that the first load needs is one file, with what it is made of: small files side by side pack worse.
        codeSplitting: {
          groups: [
            { name: 'early', test: /\/web\/approve\/early\.ts$/, priority: 1 },
            { name: 'first', test: /\/web\/approve\/(inbox|request|sign-in)\.tsx$/ },
          ],
        },
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
    outDir: 'dist',
    emptyOutDir: true,
    // Everything is a file of our own origin: the content security policy allows no data: and no inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
