// What successors write, for a server in the foreground: whoever takes the place of a process whose lines come to the terminal
// writes to a file in the run folder, as nobody knows whether there is a terminal. So the file is read as it grows.
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import type { ProcessId, RunFolder } from '../process/run-folder.ts'

const LOOK_MS = 200
const PIECE_BYTES = 64 * 1024

interface Output {
  readonly name: ProcessId
  readonly path: string
  /** As far as it was read. */
  at: number
  text: StringDecoder
  /** The beginning of a line whose end has not come. */
  line: string
}

export class SuccessorsOutput {
  readonly #outputs: readonly Output[]
  readonly #tell: (name: ProcessId, line: string) => void
  readonly #piece = Buffer.alloc(PIECE_BYTES)
  readonly #look: NodeJS.Timeout

  /** Of these processes; what is in their files already is of another time. */
  constructor(run: RunFolder, names: readonly ProcessId[], tell: (name: ProcessId, line: string) => void) {
    this.#tell = tell
    this.#outputs = names.map((name) => {
      const path = run.outPath(name)
      return { name, path, at: sizeOf(path), text: new StringDecoder(), line: '' }
    })
    this.#look = setInterval(() => this.look(), LOOK_MS)
    this.#look.unref()
  }

  look(): void {
    for (const output of this.#outputs) this.#read(output)
  }

  close(): void {
    clearInterval(this.#look)
    this.look()
  }

  #read(output: Output): void {
    const size = sizeOf(output.path)
    // It was begun anew.
    if (size < output.at) Object.assign(output, { at: 0, text: new StringDecoder(), line: '' })
    if (size === output.at) return
    try {
      const file = openSync(output.path, 'r')
      try {
        this.#readOn(file, output)
      } finally {
        closeSync(file)
      }
    } catch (error) {
      this.#tell(output.name, `its output in ${output.path} cannot be read: ${String(error)}`)
      output.at = size
    }
  }

  #readOn(file: number, output: Output): void {
    for (;;) {
      const count = readSync(file, this.#piece, 0, PIECE_BYTES, output.at)
      if (count === 0) return
      output.at += count
      const lines = (output.line + output.text.write(this.#piece.subarray(0, count))).split('\n')
      output.line = lines.pop()!
      for (const line of lines) this.#tell(output.name, line)
    }
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
