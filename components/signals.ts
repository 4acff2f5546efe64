// Imported first by every entry: without a handler of ours, SIGUSR1 makes Node open its inspector to whoever can reach
// the port. GoWorld freezes a game on this signal.

let handle: (() => void) | undefined
/** It came while nobody was ready for it. */
let waiting = false

process.on('SIGUSR1', () => {
  if (handle) handle()
  else waiting = true
})

/** What SIGUSR1 does from now on, once there is a log to write to; one that came before is handled now. */
export function onFreezeSignal(action: () => void): void {
  handle = action
  if (!waiting) return
  waiting = false
  action()
}
