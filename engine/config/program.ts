// How every command of ours begins and ends: one line and exit code 2 for the operator's mistakes, a stack for ours.
import type { Address } from '../base/address.ts'
import { formatAddress } from '../base/address.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { HelpRequested } from './flags.ts'

/** The process as runProgram sees it, so that a test can look on. `exit` waits until what was written is out. */
export interface ProgramProcess {
  out(text: string): void
  err(text: string): void
  exit(code: number): void
}

const thisProcess: ProgramProcess = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  // Writes to a pipe may still be under way, and process.exit cuts them off.
  exit: (code) => void process.stdout.write('', () => process.stderr.write('', () => process.exit(code))),
}

/**
 * Runs `main`. When it returns, the process lives on for as long as something keeps it alive. An OperatorError or
 * an address that cannot be listened on ends it with `name: message` and exit code 2, a request for help with the
 * text and 0, anything else with the stack and 1. Never rejects.
 */
export async function runProgram(name: string, main: () => Promise<void>, end = thisProcess): Promise<void> {
  try {
    await main()
  } catch (thrown) {
    const error = addressInUse(thrown)
    if (error instanceof HelpRequested) {
      end.out(error.text.endsWith('\n') ? error.text : `${error.text}\n`)
      end.exit(0)
    } else if (error instanceof OperatorError) {
      end.err(`${name}: ${error.message}\n`)
      end.exit(2)
    } else {
      end.err(`${name}: ${error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error)}\n`)
      end.exit(1)
    }
  }
}

const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EACCES: 'needs rights that this user lacks',
  ENOTFOUND: 'is not known to this machine',
  EAI_AGAIN: 'cannot be looked up',
  ENOENT: 'lies in a folder that is not there',
}
const LISTEN_CALLS = ['listen', 'bind', 'getaddrinfo']

/**
 * An OperatorError that names the address, for an error of a socket that cannot listen; any other error as it came.
 * `what` is who wanted to listen: `gate1 listen_addr`.
 */
export function addressInUse(error: unknown, what?: string, address?: Address): unknown {
  if (!(error instanceof Error)) return error
  const {
    code = '',
    syscall,
    address: host,
    port,
  } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  const reason = LISTEN_FAILURES[code]
  if (reason === undefined || !LISTEN_CALLS.includes(syscall ?? '')) return error
  const where = address ? formatAddress(address) : placeIn(host, port)
  const who = what === undefined ? '' : `${what}: `
  return new OperatorError(`${who}cannot listen on ${where}: the address ${reason}`, { cause: error })
}

function placeIn(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return port === undefined ? 'its address' : `port ${port}`
  return formatAddress(port === undefined || port < 0 ? { kind: 'unix', path: host } : { kind: 'tcp', host, port })
}
