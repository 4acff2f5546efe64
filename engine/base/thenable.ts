// Whether what a method of somebody else's answered has to be waited for: a promise of any make.

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
