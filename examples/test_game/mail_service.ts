// Keeps mails in the key-value store, under the target's id and a number that grows.
import { attr, type EntityId, service } from 'goworld'
import type { Avatar } from './avatar.ts'

const DIGITS = 10
/** So many ids are handed out for one save; when the game dies, at most as many are never used. */
const BLOCK_IDS = 1000

export class MailService extends service({
  attrs: { lastMailID: attr(0, 'persistent') },
  kept: ['nextMailId', 'lastReservedId'],
}) {
  // Ids are handed out up to the `lastMailID` that is saved, so that whoever comes after a crash starts behind them.
  nextMailId = 1
  lastReservedId = 0
  #reserving: Promise<void> | undefined

  async SendMail(sender: string, senderName: string, target: string, data: Readonly<Record<string, unknown>>) {
    const from = this.call(sender as EntityId<Avatar>)
    try {
      await this.#put(target, JSON.stringify({ sender, senderName, target, data }))
    } catch (error) {
      from.OnSendMail(false)
      throw error
    }
    from.OnSendMail(true)
    this.call(target as EntityId<Avatar>).NotifyReceiveMail()
  }

  async GetMails(avatarId: string, lastMailID: number) {
    const stored = await this.game.kvdb.getRange(mailKey(avatarId, lastMailID + 1), mailKey(avatarId, 10 ** DIGITS - 1))
    const mails = stored.map(({ key, value }): [number, string] => [Number(key.slice(-DIGITS)), value])
    this.call(avatarId as EntityId<Avatar>).OnGetMails(lastMailID, mails)
  }

  async #put(target: string, mail: string) {
    for (;;) {
      while (this.nextMailId > this.lastReservedId) await this.#reserveIds()
      // Nothing is awaited in between: mails are there in the order of their ids.
      const mailId = this.nextMailId++
      const other = await this.game.kvdb.getOrPut(mailKey(target, mailId), mail)
      if (other === undefined) return
      // A game that was thought dead has handed out the same block: this one is left to it.
      this.nextMailId = this.lastReservedId + 1
    }
  }

  /** Makes the next block of ids this service's own, once for all who wait for it. */
  #reserveIds(): Promise<void> {
    this.#reserving ??= this.#saveBlock().finally(() => {
      this.#reserving = undefined
    })
    return this.#reserving
  }

  async #saveBlock() {
    const before = this.attrs.lastMailID
    this.attrs.lastMailID += BLOCK_IDS
    await this.save()
    this.nextMailId = before + 1
    this.lastReservedId = before + BLOCK_IDS
  }
}

const mailKey = (target: string, mailId: number) => `mail$${target}$${String(mailId).padStart(DIGITS, '0')}`
