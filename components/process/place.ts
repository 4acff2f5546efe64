// The place of a process in the run folder: its name, and the control channel under it. One that is replaced while it still
// has something to do gives its name away, and goes on under another; its successor has another until then.
import { rmSync } from 'node:fs'
import { type ControlHandlers, serveControl } from './control.ts'
import type { ProcessId, RunFolder } from './run-folder.ts'

export class Place {
  readonly #folder: RunFolder
  readonly #handlers: ControlHandlers
  #name: ProcessId
  #release: (() => void) | undefined
  #control: { close(): void } | undefined
  #serves = false

  constructor(folder: RunFolder, name: ProcessId, handlers: ControlHandlers) {
    this.#folder = folder
    this.#handlers = handlers
    this.#name = name
    process.on('exit', () => this.#leave())
  }

  get name(): ProcessId {
    return this.#name
  }

  /** Throws OperatorError when another process has the name. */
  claim(): void {
    this.#release = this.#folder.claim(this.#name)
  }

  /** Answers the `goworld` command from now on. */
  async serve(): Promise<void> {
    this.#serves = true
    this.#control = await serveControl(this.#folder.socketPath(this.#name), this.#folder.socketFolder, this.#handlers)
  }

  /** Has another name from now on. Throws OperatorError, and keeps the one that it has, when another process has that. */
  async change(name: ProcessId): Promise<void> {
    this.#folder.refuseSecond(name)
    this.#silence()
    this.#release = this.#folder.rename(this.#name, name)
    this.#name = name
    if (this.#serves) await this.serve()
  }

  /** Nobody is answered any more. First: as soon as the name is free, another process may have name and socket. */
  #silence(): void {
    if (this.#release) rmSync(this.#folder.socketPath(this.#name), { force: true })
    this.#control?.close()
    this.#control = undefined
  }

  #leave(): void {
    this.#silence()
    this.#release?.()
    this.#release = undefined
  }
}
