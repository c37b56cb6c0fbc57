import { memoryStore } from '@sluice/core'
import { modelProperty, publishedTables, storeConformance } from '@sluice/testing'

storeConformance('memoryStore', { make: (clock) => memoryStore({ clock }) })
modelProperty('memoryStore', (clock) => memoryStore({ clock }))
publishedTables('memoryStore', (clock) => memoryStore({ clock }))
