import type { Plugin } from 'vite'

/** Names the early script in the page itself: it runs as soon as it is there, whatever else is still on its way. */
export const earlyScript = (): Plugin => ({
  name: 'countersign-early',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler(html, { bundle }) {
      const early = Object.values(bundle ?? {}).find(
        (each) => each.type === 'chunk' && each.moduleIds.some((id) => id.endsWith('/web/approve/early.ts')),
      )
      if (!early) throw new Error('The early script was not built.')
      const script = `<script type="module" async crossorigin fetchpriority="high" src="/${early.fileName}"></script>`
      return html
        .replace(/ *<link rel="modulepreload"[^>]*\/early-[^>]*>\n/, '')
        .replace('<script', `${script}\n    <script`)
    },
  },
})
