// The certificate that a gate shows, and its renewal: whatever replaces the files, by a rename or another link, the gate sees it
// within a minute and shows the new one to those that connect from then on.
import { statSync } from 'node:fs'
import type { SecureContext } from 'node:tls'
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { messageOf } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { DAY_MS, expiryWarning, type KeyPair, type KeyPairFiles, readKeyPair } from './key-pair.ts'

const LOOK_MS = 60_000

export class Certificate {
  readonly #gate: string
  readonly #files: KeyPairFiles
  readonly #clock: Clock
  readonly #log: Log
  #pair: KeyPair
  /** Of the files that the pair was read from. */
  #version: string
  /** What has been said of files that will not do. */
  #saidOf = ''
  #warnedMs = Number.NEGATIVE_INFINITY
  #next: Scheduled | undefined

  /** Throws an OperatorError when the files will not do. `gate`: for that, such as `gate1`. */
  constructor(gate: string, files: KeyPairFiles, clock: Clock, log: Log) {
    this.#gate = gate
    this.#files = files
    this.#clock = clock
    this.#log = log
    this.#version = versionOf(files)
    this.#pair = readKeyPair(gate, files)
    this.#warn()
  }

  get context(): SecureContext {
    return this.#pair.context
  }

  status() {
    const { subject, expiresMs } = this.#pair
    const daysLeft = Math.floor((expiresMs - this.#clock.wallMs()) / DAY_MS)
    return { certificate: subject, expires: new Date(expiresMs).toISOString(), daysLeft, refusedFiles: this.#saidOf }
  }

  /** Looks at the files now and then, until `stop`. */
  watch(): void {
    this.#next?.cancel()
    this.#next = this.#clock.after(LOOK_MS, () => {
      this.#look()
      this.watch()
    })
  }

  stop(): void {
    this.#next?.cancel()
  }

  #look(): void {
    const version = versionOf(this.#files)
    if (version === this.#version) this.#saidOf = ''
    else this.#read(version)
    this.#warn()
  }

  #read(version: string): void {
    try {
      const pair = readKeyPair(this.#gate, this.#files)
      const isNew = pair.fingerprint !== this.#pair.fingerprint
      this.#version = version
      this.#pair = pair
      this.#saidOf = ''
      if (!isNew) return
      this.#warnedMs = Number.NEGATIVE_INFINITY
      const expires = new Date(pair.expiresMs).toISOString().slice(0, 10)
      this.#log.info(`the certificate is a new one from now on: ${pair.subject}, until ${expires}`)
    } catch (error) {
      // One file may have come before the other: the next look will tell.
      const why = messageOf(error)
      if (why === this.#saidOf) return
      this.#saidOf = why
      this.#log.warn(`${why}; the certificate of before stays, and the files are read again every minute`)
    }
  }

  #warn(): void {
    const nowMs = this.#clock.wallMs()
    const warning = expiryWarning(this.#gate, this.#files.rsaCertificate, this.#pair, nowMs)
    if (warning === undefined || nowMs - this.#warnedMs < DAY_MS) return
    this.#warnedMs = nowMs
    this.#log.warn(warning)
  }
}

/** Changes with either file, also where a link leads elsewhere. */
const versionOf = ({ rsaKey, rsaCertificate }: KeyPairFiles): string =>
  [rsaKey, rsaCertificate]
    .map((path) => {
      try {
        const { mtimeMs, size, ino } = statSync(path)
        return `${mtimeMs} ${size} ${ino}`
      } catch (error) {
        return messageOf(error)
      }
    })
    .join(', ')
