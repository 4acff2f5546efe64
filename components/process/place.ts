// The place of a process in the run folder: its name, and the control channel under it. One that is replaced while it still
// has something to do gives its name away, and goes on under another.
import { rmSync } from 'node:fs'
import { type ControlHandlers, serveControl } from './control.ts'
import type { ProcessId, RunFolder } from './run-folder.ts'

export class Place {
  readonly #folder: RunFolder
  readonly #handlers: ControlHandlers
  #name: ProcessId
  #release: (() => void) | undefined
  #control: { close(): void } | undefined

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
    this.#control = await serveControl(this.#folder.socketPath(this.#name), this.#folder.socketFolder, this.#handlers)
  }

  /** Has another name from now on. Throws OperatorError, and keeps the one that it has, when another process has that. */
  async change(name: ProcessId): Promise<void> {
    const release = this.#folder.claim(name)
    const serves = this.#control !== undefined
    this.#leave()
    this.#name = name
    this.#release = release
    if (serves) await this.serve()
  }

  #leave(): void {
    // First: as soon as the name is free, another process may have both.
    if (this.#release) rmSync(this.#folder.socketPath(this.#name), { force: true })
    this.#control?.close()
    this.#control = undefined
    this.#release?.()
    this.#release = undefined
  }
}
