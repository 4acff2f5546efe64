// Whatever an operator wrote as a URL, its password is not repeated.
import { describe, expect, it } from 'vitest'
import { withoutPassword } from '../../../engine/config/secrets.ts'
import { parseNode, parseRedisUrl } from '../../../engine/storage/redis/url.ts'

it.each([
  ['redis://me:SECRET@h:6379/0', 'redis://me:***@h:6379/0'],
  ['redis://:SECRET@h', 'redis://:***@h'],
  ['redis://SECRET@h', 'redis://***@h'],
  ['MongoDB+srv://me:SECRET@h1,h2:1/x?tls=true', 'MongoDB+srv://me:***@h1,h2:1/x?tls=true'],
  ['mysql://me:SECRET@h/x', 'mysql://me:***@h/x'],
  ['url=redis://me:SECRET@h', 'url=redis://me:***@h'],
  ['me:SECRET@h:6379', 'me:***@h:6379'],
  ['redis//me:SECRET@h', '***@h'],
  ['redis:/me:SECRET@h', 'redis:***@h'],
  ['postgres://h/x?user=me&password=SECRET', 'postgres://h/x?user=me&password=***'],
  ['postgres://h/x?Password=SECRET&SECRET', 'postgres://h/x?Password=***'],
  ['postgres://me:SECRET@h/x?sslpassword=SECRET', 'postgres://me:***@h/x?sslpassword=***'],
  ['host=h user=me password=SECRET', 'host=h user=me password=***'],
  ['password=SECRET', 'password=***'],
])('%s', (text, shown) => {
  expect(withoutPassword(text)).toBe(shown)
})

it.each([
  ['SEC/RET', 'redis://me:***@h/0'],
  ['SEC@RET', 'redis://me:***@h/0'],
  ['SEC:RET', 'redis://me:***@h/0'],
  ['SEC#RET', 'redis://me:***@h/0'],
  ['SEC RET', 'redis://me:***@h/0'],
  ['12/SEC@RET', 'redis://me:***@h/0'],
  ['SEC://RET', 'redis://me:***@h/0'],
  ['SEC?password=RET', 'redis://me:***'],
  ['SEC?password=R@ET', 'redis://me:***'],
])('a password of %s between user and host is hidden', (password, shown) => {
  expect(withoutPassword(`redis://me:${password}@h/0`)).toBe(shown)
})

it.each([
  ['SEC/RET', 'postgres://h/x?password=***'],
  ['SEC@RET', 'postgres://***'],
  ['SEC?password=RET', 'postgres://h/x?password=***'],
  ['SEC&RET', 'postgres://h/x?password=***'],
])('a password of %s behind the host is hidden', (password, shown) => {
  expect(withoutPassword(`postgres://h/x?password=${password}`)).toBe(shown)
})

it('of several URLs in a text, all are', () => {
  expect(withoutPassword('redis://me:SEC@RET@a:1,redis://me:SEC/RET@b:2, redis://c:3')).toBe(
    'redis://me:***@a:1,redis://me:***@b:2, redis://c:3',
  )
  expect(withoutPassword('url=mongodb://me:SECRET@a url=postgres://b?password=SECRET, (redis://:SECRET@c)')).toBe(
    'url=mongodb://me:***@a url=postgres://b?password=***redis://:***@c)',
  )
  expect(withoutPassword('redis://me:SEC,redis://RET@h')).toBe('redis://me:***redis://***@h')
})

it('of a URL without a host, what is no port is hidden', () => {
  expect(withoutPassword('redis://me:SECRET')).toBe('redis://me:***')
  expect(withoutPassword('redis://me:SECRET/0?x=y')).toBe('redis://me:***')
})

it('that would be read as the number of a Redis database is in no message', () => {
  expect(() => parseRedisUrl('redis://me:12/SECRET@h', '')).toThrow(/^url: not of the form[^S]*$/)
  expect(() => parseNode('mongodb://me:SECRET@h', 0)).toThrow(/^start_nodes_1: not of the form[^S]*$/)
})

describe('what has none', () => {
  it.each([
    'redis://127.0.0.1:6379',
    'redis://h:6379/0',
    'mongodb://h1:27017,h2:27017/x?replicaSet=a',
    'redis://[::1]:6379/0',
    'postgres://h/x?user=me&sslmode=require',
    '/srv/me@home/goworld.db',
    'goworld.db',
    ':memory:',
    'unix:dispatcher1.sock',
    'save_interval=abc',
    '',
  ])('stays as it is: %s', (text) => {
    expect(withoutPassword(text)).toBe(text)
  })
})
