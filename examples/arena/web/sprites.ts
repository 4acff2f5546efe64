// Pictures that are drawn once and used each frame: soft lights, which would cost too much to paint anew.

const LIGHT_PIXELS = 256
const lights = new Map<string, HTMLCanvasElement>()

/** A round light of a colour, bright in the middle. */
function lightOf(color: string): HTMLCanvasElement {
  const known = lights.get(color)
  if (known) return known
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = LIGHT_PIXELS
  const ctx = canvas.getContext('2d')!
  const half = LIGHT_PIXELS / 2
  const fade = ctx.createRadialGradient(half, half, 0, half, half, half)
  fade.addColorStop(0, color)
  // As light falls off, in steps fine enough that none is seen.
  for (let part = 0.1; part < 1; part += 0.1) fade.addColorStop(part, withAlpha(color, (1 - part) ** 2.6))
  fade.addColorStop(1, withAlpha(color, 0))
  ctx.fillStyle = fade
  ctx.fillRect(0, 0, LIGHT_PIXELS, LIGHT_PIXELS)
  lights.set(color, canvas)
  return canvas
}

/** Adds light to what is there. */
export function shine(
  ctx: CanvasRenderingContext2D,
  color: string,
  x: number,
  z: number,
  radius: number,
  alpha: number,
) {
  if (alpha <= 0.01 || radius <= 0) return
  ctx.globalCompositeOperation = 'lighter'
  ctx.globalAlpha = Math.min(1, alpha)
  ctx.drawImage(lightOf(color), x - radius, z - radius, radius * 2, radius * 2)
  ctx.globalAlpha = 1
  ctx.globalCompositeOperation = 'source-over'
}

/** `#rrggbb` with an alpha. */
export function withAlpha(color: string, alpha: number): string {
  const value = Number.parseInt(color.slice(1), 16)
  return `rgba(${value >> 16}, ${(value >> 8) & 255}, ${value & 255}, ${alpha})`
}
