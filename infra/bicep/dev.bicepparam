// A developer's own: small, public, open to read.
using 'main.bicep'

param environmentName = 'dev'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
// Who sets up the catalog also looks after it and runs the smoke test.
var who = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param databaseAdministrator = who
param operator = who
// `none`: it sets up the database from inside Azure, whose addresses are let in anyhow.
var address = readEnvironmentVariable('EVENTSTAC_ADDRESS', '')
param operatorAddress = address == 'none' ? '' : address
param size = 'small'
param apiAccess = 'open'
