// Elements of the page, found and made. Text is always text: nothing that somebody says becomes a part of the page.

export const byId = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T

export function make(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const element = document.createElement(tag)
  element.className = className
  element.append(...children)
  return element
}

/** Makes a round picture of a name: its first letters on its color. */
export function drawFace(element: HTMLElement, name: string): HTMLElement {
  element.style.setProperty('--hue', hueOf(name))
  element.textContent = [...name].slice(0, 2).join('').toUpperCase()
  return element
}

/** The same for a name everywhere, and rarely the same for two. */
export function hueOf(name: string): string {
  let hash = 7
  for (const character of name) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) >>> 0
  return String((hash * 137) % 360)
}
