/** What the command line asks of a part; a part has its own default for what is not given. */
export interface SoakOptions {
  seed: number
  /** Tells a person how far it is. */
  say: (line: string) => void
  /** Longest time that each part makes trouble for. */
  minutes?: number
  kills?: number
  rounds?: number
  nodes?: number
  jobs?: number
  /** Whom apps ask. */
  people?: number
  store?: 'sqlite' | 'postgres'
  /** Of stores, in requests that ended long ago. */
  sizes?: number[]
}
