// Imported first by every entry: without a handler of ours, SIGUSR1 makes Node open its inspector to whoever can reach
// the port. GoWorld freezes a game on this signal.

let handle: () => void = () => process.stderr.write('SIGUSR1: freeze is not built yet\n')

process.on('SIGUSR1', () => handle())

/** What SIGUSR1 does from now on, once there is a log to write to. */
export function onFreezeSignal(action: () => void): void {
  handle = action
}
