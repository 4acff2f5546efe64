// Takes passwords out of what is shown: of settings as an operator wrote them, which need not be what they should be.
//
//     redis://me:SECRET@h:6379/0                redis://me:***@h:6379/0
//     postgres://h/x?user=me&password=SECRET    postgres://h/x?user=me&password=***
//     me:SECRET@h:6379                          me:***@h:6379
//
// A password may hold any character, also those that would have to be written with %: where it is not clear where it
// begins or ends, more is hidden rather than less.

/** Where the next URL of a text begins, or the setting that has it. */
const NEXT = /(?<=[\s,;"'(])(?=(?:[\w.-]+=)?[a-z][a-z\d+.-]*:\/\/)/i
const SCHEME = /^(?:[\w.-]+=)?[a-z][a-z\d+.-]*:\/\//i
const SECRET = /((?:^|[?&;\s])[^=?&;\s]*(?:pass|pwd|secret|token|mechanismproperties)[^=?&;\s]*=).*/is
const PORT = /^[^:]*:\d{1,5}(?:$|[/?#,;\s"')])/

/** The text, which may hold several URLs, with `***` where passwords are. */
export const withoutPassword = (text: string): string => text.split(NEXT).map(masked).join('')

function masked(text: string): string {
  const scheme = SCHEME.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length)
  const user = /^([^:@/?#[]*):/.exec(rest)?.[1]
  const hidden = `${scheme}${user === undefined ? '' : `${user}:`}***`
  const [before, after] = splitAtLast(rest, '@')
  const isAccount = after !== undefined && (scheme !== '' || before.includes(':'))
  if (!isAccount) {
    // redis://me:SECRET without a host reads like a host with a port that is none.
    if (scheme !== '' && user !== undefined && !PORT.test(rest)) return hidden
    return `${scheme}${rest.replace(SECRET, '$1***')}`
  }
  // The @ may be one of a password behind the host.
  return SECRET.test(before) ? hidden : `${hidden}@${after.replace(SECRET, '$1***')}`
}

function splitAtLast(text: string, sign: string): [before: string, after: string | undefined] {
  const at = text.lastIndexOf(sign)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
