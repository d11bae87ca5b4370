import { hash } from 'node:crypto'
import { invalid, type Template } from './template.ts'

/** Meta's shape of a template (https://developers.facebook.com/docs/graph-api/reference/whats-app-business-hsm/). */
const shapeOf = ({ name, language, body, buttons, ...said }: Template) => ({
  name,
  language,
  status: said.status ?? 'APPROVED',
  category: said.category ?? 'UTILITY',
  quality_score: { score: said.quality ?? 'UNKNOWN', date: 1_795_000_000 },
  components: [
    { type: 'BODY', text: body },
    ...(buttons.length
      ? [
          {
            type: 'BUTTONS',
            buttons: buttons.map((each) =>
              each.kind === 'url'
                ? { type: 'URL', text: each.text, url: each.url }
                : { type: 'QUICK_REPLY', text: each.text },
            ),
          },
        ]
      : []),
  ],
  id: String(Number.parseInt(hash('sha256', `${name} ${language}`).slice(0, 12), 16)),
})

const FIELDS = ['name', 'language', 'status', 'category', 'quality_score', 'components', 'id'] as const
const USUAL = 'name,components,language,status,category'
const PARAMETERS = new Set(['fields', 'name', 'limit', 'after'])

/**
 * `GET /{business account}/message_templates`: the fields that are asked for and the id, page by page.
 *
 * @throws GraphError for a field, a parameter or a cursor that Meta does not know
 */
export function listTemplates(templates: readonly Template[], query: URLSearchParams) {
  for (const name of query.keys()) if (!PARAMETERS.has(name)) throw invalid(`Unknown parameter: ${name}`)
  const fields = (query.get('fields') ?? USUAL).split(',')
  for (const field of fields) {
    if (!(FIELDS as readonly string[]).includes(field))
      throw invalid(`Tried accessing nonexisting field (${field}) on node type (WhatsAppMessageTemplate)`)
  }
  const limit = Number(query.get('limit') ?? 25)
  if (!Number.isInteger(limit) || limit < 1) throw invalid('Param limit must be a positive integer')
  const after = query.get('after')
  const from = after === null ? 0 : Number(Buffer.from(after, 'base64url').toString())
  if (!Number.isInteger(from)) throw invalid('Invalid cursor')

  // Meta looks for the name as a part of names.
  const found = templates.filter(({ name }) => name.includes(query.get('name') ?? ''))
  const page = found.slice(from, from + limit).map((each) => {
    const whole: Record<string, unknown> = shapeOf(each)
    return Object.fromEntries([...fields, 'id'].map((field) => [field, whole[field]]))
  })
  const cursors = { before: cursor(from), after: cursor(from + page.length) }
  const isLast = from + page.length >= found.length
  return {
    data: page,
    paging: { cursors, ...(isLast ? {} : { next: 'https://api.invalid/next?access_token=…' }) },
  }
}

const cursor = (at: number) => Buffer.from(String(at)).toString('base64url')
