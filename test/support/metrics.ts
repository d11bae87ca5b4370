/** Reads the text format of Prometheus: by name and labels as written, the value. */
export function readMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, series = '', value = ''] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    // An average of nothing is not a number, in whichever case it is written.
    const isNumber = value.toLowerCase() === 'nan' || !Number.isNaN(Number(value))
    if (!series || !isNumber) throw new Error(`This is no sample: ${line}`)
    samples.set(series, Number(value))
  }
  return samples
}
