// Events of the window, where there is one: a page hears of its network and of its own end.

type Handler = (event: { readonly persisted?: boolean }) => void
interface Target {
  addEventListener?(type: string, handler: Handler, options: { readonly signal: AbortSignal }): void
}

/** Listens until `signal` is given. Outside of browsers nothing is ever heard. */
export function onBrowserEvent(
  type: 'online' | 'visibilitychange' | 'pagehide',
  signal: AbortSignal,
  handler: Handler,
): void {
  const target = globalThis as Target
  target.addEventListener?.(type, handler, { signal })
}
