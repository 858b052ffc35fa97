/** What a listener is given, to be awaited one by one. */
export function queue<T>() {
  const values: T[] = [];
  const waiting: ((value: T) => void)[] = [];
  return {
    /** How many were put and not taken. */
    get length(): number {
      return values.length;
    },
    put: (value: T): void => {
      const next = waiting.shift();
      if (next) next(value);
      else values.push(value);
    },
    take: (): Promise<T> => {
      if (values.length > 0) return Promise.resolve(values.shift() as T);
      return new Promise(resolve => waiting.push(resolve));
    },
  };
}
