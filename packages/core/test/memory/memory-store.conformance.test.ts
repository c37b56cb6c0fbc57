import { memoryStore } from '@sluice/core'
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'

storeConformance('memoryStore', { make: (clock) => memoryStore({ clock }) })
modelProperty('memoryStore', (clock) => memoryStore({ clock }))
modelProperty('memoryStore, rights of a region', (clock) => memoryStore({ clock }), {
  families: ['fixedWindow, rights', 'slidingWindow, rights'],
})
publishedTables('memoryStore', (clock) => memoryStore({ clock }))
