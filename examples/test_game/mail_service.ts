// Keeps mails in the key-value store, under the target's id and a number that grows.
import { attr, type EntityId, service } from 'goworld'
import type { Avatar } from './avatar.ts'

const DIGITS = 10

export class MailService extends service({ attrs: { lastMailID: attr(0, 'persistent') } }) {
  async SendMail(sender: string, senderName: string, target: string, data: Readonly<Record<string, unknown>>) {
    const mailId = ++this.attrs.lastMailID
    const from = this.call(sender as EntityId<Avatar>)
    try {
      await this.game.kvdb.put(mailKey(target, mailId), JSON.stringify({ sender, senderName, target, data }))
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
}

const mailKey = (target: string, mailId: number) => `mail$${target}$${String(mailId).padStart(DIGITS, '0')}`
