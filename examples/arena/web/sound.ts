// Sounds, made as they are needed: a few oscillators and a breath of noise. Silent until somebody asks for them.

export class Sound {
  #context: AudioContext | undefined
  #out: GainNode | undefined
  #noise: AudioBuffer | undefined
  isOn = false

  /** Browsers let a page sound only after somebody has touched it. */
  toggle(): boolean {
    this.isOn = !this.isOn
    if (this.isOn && !this.#context) this.#open()
    if (this.isOn) void this.#context?.resume()
    else void this.#context?.suspend()
    return this.isOn
  }

  #open(): void {
    const context = new AudioContext()
    this.#context = context
    this.#out = context.createGain()
    this.#out.gain.value = 0.22
    this.#out.connect(context.destination)
    this.#noise = context.createBuffer(1, context.sampleRate / 2, context.sampleRate)
    const samples = this.#noise.getChannelData(0)
    for (let at = 0; at < samples.length; at++) samples[at] = Math.random() * 2 - 1
  }

  /** `nearness` from 0 to 1 is how loud it is. */
  shot(weapon: number, nearness: number): void {
    if (weapon === 2) this.#tone('sawtooth', 220, 40, 0.35, 0.5 * nearness)
    else if (weapon === 1) this.#hiss(0.16, 1400, 0.6 * nearness)
    else this.#tone('square', 680, 190, 0.08, 0.22 * nearness)
  }

  hit(isDead: boolean): void {
    this.#tone('triangle', isDead ? 520 : 900, isDead ? 1040 : 700, isDead ? 0.18 : 0.05, 0.5)
  }

  hurt(): void {
    this.#tone('sawtooth', 150, 60, 0.16, 0.5)
    this.#hiss(0.1, 500, 0.3)
  }

  burst(nearness: number): void {
    this.#hiss(0.35, 700, 0.6 * nearness)
  }

  dash(): void {
    this.#hiss(0.14, 2600, 0.25)
  }

  took(): void {
    this.#tone('sine', 620, 1240, 0.16, 0.4)
  }

  portal(): void {
    this.#tone('sine', 180, 720, 0.45, 0.4)
  }

  #tone(type: OscillatorType, from: number, to: number, seconds: number, loud: number): void {
    if (!this.isOn || !this.#context || loud <= 0.01) return
    const now = this.#context.currentTime
    const source = this.#context.createOscillator()
    source.type = type
    source.frequency.setValueAtTime(from, now)
    source.frequency.exponentialRampToValueAtTime(to, now + seconds)
    this.#play(source, now, seconds, loud)
  }

  #hiss(seconds: number, pitch: number, loud: number): void {
    if (!this.isOn || !this.#context || loud <= 0.01) return
    const source = this.#context.createBufferSource()
    source.buffer = this.#noise!
    const filter = this.#context.createBiquadFilter()
    filter.type = 'bandpass'
    filter.frequency.value = pitch
    source.connect(filter)
    this.#play(source, this.#context.currentTime, seconds, loud, filter)
  }

  #play(source: AudioScheduledSourceNode, now: number, seconds: number, loud: number, last: AudioNode = source): void {
    const gain = this.#context!.createGain()
    gain.gain.setValueAtTime(loud, now)
    gain.gain.exponentialRampToValueAtTime(0.001, now + seconds)
    last.connect(gain).connect(this.#out!)
    source.start(now)
    source.stop(now + seconds)
  }
}
