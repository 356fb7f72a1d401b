/**
 * Objects of a prototype, with room for their members and no more: `Object.create` leaves room for four.
 */
export const shellOf = (prototype: object): new() => object => {
  const shell = function() {} as unknown as new() => object
  shell.prototype = prototype
  return shell
}
