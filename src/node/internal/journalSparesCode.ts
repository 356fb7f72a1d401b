/**
 * The spare files of the thread of the journal, as text: where records were that are settled, to be written over. Disks make, grow and delete
 * a file at several times the cost of writing over one that is there.
 */

/**
 * Defines `spares`. A file is only written over
 * - once its directory has been synced without its earlier name, so that no crash brings that name back with another text in it;
 * - when it still is what was made here: one page under one name, of this user alone;
 * - in the half of the page that the text before was not in, with spaces in the other half. Whoever has opened it under its earlier name
 *   and reads on meanwhile has the one record, the other, or no JSON at all, never one made of both.
 */
export const code = `
const spares = (() => {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDWR } = fs.constants
  const most = O_NOFOLLOW === undefined || process.geteuid === undefined ? 0 : 256
  const idleMs = 1000
  const page = Buffer.alloc(4096)
  const half = page.length / 2
  const space = 0x20
  const brace = 0x7b

  /** By directory: the files that have lost their names since its last sync began, and those that may be written over, in order of time. */
  const places = new Map()
  const placeOf = (directory) => {
    let place = places.get(directory)
    if (place === undefined) {
      place = { left: [], ready: [] }
      places.set(directory, place)
    }
    return place
  }

  const discard = (file) => attempt(() => fs.unlinkSync(file))
  const discardAll = () => {
    for (const place of places.values()) {
      place.left.forEach(discard)
      place.ready.forEach(discard)
    }
    places.clear()
  }

  let timer
  let isUsed = false
  const use = () => {
    isUsed = true
    timer ??= setInterval(() => {
      if (!isUsed) {
        discardAll()
        clearInterval(timer)
        timer = undefined
      }
      isUsed = false
    }, idleMs)
  }

  const isOurs = (stats) =>
    stats.isFile() && stats.nlink === 1 && stats.size === page.length && (stats.mode & 0o7777) === 0o600 && stats.uid === process.geteuid()

  const take = (directory) => {
    const file = placeOf(directory).ready.shift()
    if (file === undefined) return undefined
    try {
      const handle = fs.openSync(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
      if (isOurs(fs.fstatSync(handle))) return { file, handle, sync: fs.fdatasync }
      fs.closeSync(handle)
    } catch {}
    discard(file)
  }

  const fill = ({ file, handle }, temp, text) => {
    const isInFirst = file !== temp && fs.readSync(handle, page, 0, 1, 0) === 1 && page[0] === brace
    page.fill(space).write(text, isInFirst ? half : 0)
    fs.writeFileSync(handle, page)
  }

  return {
    /** Writes the text to a file that is not there yet, or to a spare one when it has to be synced. Gives the file, open, with how to sync it. */
    write: (directory, temp, text, synced) => {
      const fits = synced && most > 0 && text.length <= half && Buffer.byteLength(text) <= half
      const opened = (fits ? take(directory) : undefined) ?? { file: temp, handle: fs.openSync(temp, "wx", 0o600), sync: fs.fsync }
      try {
        if (fits) fill(opened, temp, text)
        else fs.writeFileSync(opened.handle, text)
      } catch (error) {
        attempt(() => fs.closeSync(opened.handle))
        discard(opened.file)
        throw error
      }
      return opened
    },
    /** Takes a file away from its name. */
    leave: (directory, file, temp) => {
      const { left, ready } = placeOf(directory)
      if (left.length + ready.length >= most) return fs.unlinkSync(file)
      fs.renameSync(file, temp)
      left.push(temp)
      use()
    },
    /** A sync of the directory begins; call what this gives when it has ended. */
    syncing: (directory) => {
      const place = placeOf(directory)
      const { left } = place
      place.left = []
      return (error) => {
        if (error === null && places.get(directory) === place) place.ready.push(...left)
        else left.forEach(discard)
      }
    },
    discard,
    discardAll
  }
})()
`
