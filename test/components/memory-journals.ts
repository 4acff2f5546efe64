// Journals in memory, of the simulator: where tests look for them.
export { MemoryJournals } from '../../components/testing/memory-journals.ts'
