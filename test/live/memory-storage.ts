/** The storage of an object, as far as what keeps topics and marks needs it; a value of 2 MB or a call of 129 keys is refused. */
export function memoryStorage(): DurableObjectStorage {
  const values = new Map<string, unknown>()
  const put = (name: string, value: unknown): void => {
    if (JSON.stringify(value).length > 2 * 1_024 * 1_024) throw new Error('the value is too large')
    values.set(name, structuredClone(value))
  }
  const atMost = (names: readonly string[]): readonly string[] => {
    if (names.length > 128) throw new Error('too many keys')
    return names
  }
  const storage: unknown = {
    get: async (names: string | string[]) =>
      Array.isArray(names) ? new Map(atMost(names).map((name) => [name, values.get(name)])) : values.get(names),
    put: async (names: string | Record<string, unknown>, value?: unknown) => {
      if (typeof names === 'string') put(names, value)
      else for (const name of atMost(Object.keys(names))) put(name, names[name])
    },
    delete: async (names: readonly string[]) => atMost(names).filter((name) => values.delete(name)).length,
    list: async ({ prefix = '' } = {}) => new Map([...values].filter(([name]) => name.startsWith(prefix))),
  }
  return storage as DurableObjectStorage
}
