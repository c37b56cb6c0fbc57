import { Document, isMap, isSeq, visit } from 'yaml'
import type { DocumentBuilder } from './imported.ts'

/** A document of the policies and subjects that were found, as people write it: what is short is on one line. */
export function writeDocument(namespace: string, comment: string, { subjects, policies }: DocumentBuilder): string {
  const document = new Document({ apiVersion: 'sluice/v1', namespace, revision: 1, subjects, policies }, { aliasDuplicateObjects: false })
  document.commentBefore = ` ${comment}`
  visit(document, {
    Collection(_, node, path) {
      const isShort = path.length > 1 && JSON.stringify(node.toJSON()).length <= SHORT
      if ((isMap(node) || isSeq(node)) && isShort) node.flow = true
    },
  })
  return document.toString({ lineWidth: 0 })
}

const SHORT = 150
