let isSo = false

/** From here on the tests of this process run the library of clients with Web APIs alone. */
export function useWebApisAlone() {
  isSo = true
}

export const isWebOnly = (): boolean => isSo
