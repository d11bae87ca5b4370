/** The SDK ships no types. */
declare module 'upstox-js-sdk' {
  // biome-ignore lint/suspicious/noExplicitAny: a stranger's untyped module
  const client: any
  export default client
}
